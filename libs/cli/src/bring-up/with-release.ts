/**
 * The composition together with the release that is to manage it, in this level and in every level below: so that `up` and
 * `apply` of a newer installation bring that release, and an older one takes it back.
 */
import type { Component, Release, TypeGraph } from '@mitosis/contracts';

export const withRelease = (typeGraph: TypeGraph, release: Release): TypeGraph => ({
  ...typeGraph,
  components: Object.fromEntries(
    Object.entries(typeGraph.components).map(
      ([name, component]) => [name, withReleaseInside(component, release)] as const,
    ),
  ),
  management: { ...typeGraph.management, release },
  // Another release is something to apply, in children too: their digest is all their parent compares.
  digest: `${typeGraph.digest}@${release.version}`,
});

const withReleaseInside = (component: Component, release: Release): Component =>
  component.composition === null
    ? component
    : { ...component, composition: withRelease(component.composition, release) };
