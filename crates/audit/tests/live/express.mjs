// An Express app: `bare` as it is made, or with pages of its `own` for what goes wrong.
import { createRequire } from 'node:module';

const [modules, kind] = process.argv.slice(2);
const express = createRequire(`${modules}/of.js`)('express');

const app = express();
if (kind === 'own') app.disable('x-powered-by');
app.use(express.json());
app.get('/', (req, res) => res.send('<p>hello'));
app.get('/:page', (req, res, next) => next());
if (kind === 'own') {
  app.use((req, res) => res.status(404).send('nothing here'));
  app.use((error, req, res, next) => res.status(error.status ?? 500).send('that went wrong'));
}
const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
