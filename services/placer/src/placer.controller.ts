/** gRPC `Placer`: translation only. */
import { MitosisError, siteId, type placer } from '@mitosis/contracts';
import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { Budget } from './decide/input.js';
import type { PlacerReconciler } from './placer.reconciler.js';

export const PLACER = Symbol('placer');

@Controller()
export class PlacerController {
  constructor(@Inject(PLACER) private readonly reconciler: PlacerReconciler) {}

  @GrpcMethod('Placer', 'SetBudget')
  setBudget(request: placer.SiteBudgets): placer.SiteUses {
    return this.reconciler.setBudget(request.sites.map(budgetOf));
  }

  @GrpcMethod('Placer', 'Use')
  use(): placer.SiteUses {
    return this.reconciler.uses();
  }

  @GrpcMethod('Placer', 'Sites')
  sites(): placer.SitesReply {
    return this.reconciler.sites();
  }
}

const budgetOf = (budget: placer.SiteBudget): Budget => {
  const { driver } = budget;
  if (driver !== 'process' && driver !== 'docker') {
    throw new MitosisError('invalid_input', `driver ${JSON.stringify(driver)}: expected process or docker`);
  }
  if (budget.site === '') throw new MitosisError('invalid_input', 'a budget names its site');
  return { ...budget, driver, site: siteId(budget.site) };
};
