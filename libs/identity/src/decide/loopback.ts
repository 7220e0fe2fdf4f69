/** Which addresses only this machine can reach. */

/** 127.0.0.0/8, ::1, localhost, and unix sockets. Everything else counts as reachable by others, 0.0.0.0 too. */
export const isLoopback = (host: string): boolean => {
  const bare = host.replace(/^\[|\]$/gu, '').toLowerCase();
  return (
    /^127(?:\.\d{1,3}){3}$/u.test(bare) || bare === '::1' || bare === 'localhost' || bare.startsWith('unix:')
  );
};
