/** An object that does what another does, but for the methods named: how defects are put in without touching what they break. */

export const forwarding = <T extends object>(inner: T, over: Partial<T>): T =>
  new Proxy(inner, {
    get: (target, name) => {
      if (Object.hasOwn(over, name)) return over[name as keyof T];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
