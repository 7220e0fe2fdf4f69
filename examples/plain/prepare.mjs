/** Runs once to its end before the greeter starts: where a real composition would migrate its database. */
console.log('prepared');
