/** Answers at once: what is shown is what instances cost, not what they do. */
import http from 'node:http';

const server = http.createServer((request, response) => response.end(`${process.env.MITOSIS_INSTANCE}\n`));
server.listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
