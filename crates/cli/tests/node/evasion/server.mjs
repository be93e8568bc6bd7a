// A login with each way in which Express apps read one. `X-App` says which; the answer says whom it read.

import querystring from 'node:querystring';

import basicAuth from 'basic-auth';
import bodyParser from 'body-parser';
import express from 'express';
import methodOverride from 'method-override';
import multer from 'multer';
import qs from 'qs';

const everything = () => true;
const { urlencoded, json, text, raw } = bodyParser;

// As lenient as apps are: lists, objects in the place of a text, and any way of folding a name.
const leaves = (value) => (value !== null && typeof value === 'object'
  ? Object.values(value).flatMap(leaves)
  : value === undefined || value === null ? [] : [String(value)]);

const forms = (name) => [
  name, name.trim(), name.normalize('NFKC'), name.normalize('NFC'),
].flatMap((form) => [form.trim(), form.trim().toLowerCase(), form.trim().toLowerCase().toUpperCase().toLowerCase()]);

const known = ['alice', 'josé', 'strasse'];

const answer = (read) => (req, res) => {
  const names = leaves(read(req));
  const user = known.find((name) => names.some((one) => forms(one).includes(name)));
  res.set('X-Read', user ? encodeURIComponent(user) : 'nobody');
  res.status(names.length === 0 ? 400 : 401).json({ user, names, body: req.body, method: req.method });
};

const inBody = ({ body }) => body?.username ?? body?.user?.name;
const inQuery = ({ query }) => query.username ?? query.user?.name;
const inText = (parse) => (req) => inBody({ body: typeof req.body === 'string' ? parse(req.body) : req.body });

const apps = {};
const app = (name, parsers, { read = inBody, queries = 'simple' } = {}) => {
  const made = express();
  made.set('query parser', queries);
  for (const parser of parsers) made.use(parser);
  made.post('/login', answer(read));
  apps[name] = made;
  return made;
};

app('simple', [urlencoded({ extended: false }), json()]);
app('extended', [urlencoded({ extended: true }), json()]);
app('any-form', [urlencoded({ extended: true, type: everything })]);
app('loose', [json({ strict: false, type: ['json', '+json', 'text/*'] })]);
app('any-json', [json({ strict: false, type: everything })]);
app('entities', [urlencoded({ extended: false, charsetSentinel: true, interpretNumericEntities: true })]);
app('latin', [urlencoded({ extended: true, defaultCharset: 'iso-8859-1' })]);
app('text-json', [text({ type: everything })], { read: inText((body) => JSON.parse(body.trim())) });
app('text-form', [text({ type: everything })], { read: inText(querystring.parse) });
app('text-dots', [text({ type: everything })], {
  read: inText((body) => qs.parse(body, { allowDots: true, ignoreQueryPrefix: true })),
});
app('raw-json', [raw({ type: everything })], { read: (req) => inBody({ body: JSON.parse(req.body) }) });
app('assigning', [urlencoded({ extended: true }), json()], { read: (req) => inBody({ body: Object.assign({}, req.body) }) });
app('multer', [multer().none()]);
app('multer-utf8', [multer({ defParamCharset: 'utf8' }).any()]);
app('basic', [], { read: (req) => basicAuth(req)?.name });
app('query', [], { read: inQuery });
app('extended-query', [], { read: inQuery, queries: 'extended' });

const every = { methods: null };
app('override-query', [methodOverride('_method', every), urlencoded({ extended: false })]);
app('override-header', [
  methodOverride('X-HTTP-Method', every),
  methodOverride('X-HTTP-Method-Override', every),
  methodOverride('X-Method-Override', every),
  urlencoded({ extended: false }),
]);
app('override-body', [
  urlencoded({ extended: false }),
  methodOverride((req) => req.body?._method, every),
]);

const mounted = express.Router();
mounted.post('/', urlencoded({ extended: false }), answer(inBody));
apps.mounted = express().use('/login', mounted);
const named = express();
named.post('/:page', urlencoded({ extended: false }), (req, res, next) => (
  req.params.page.toLowerCase() === 'login' ? answer(inBody)(req, res) : next()));
apps.named = named;
const all = express();
all.all('/login', urlencoded({ extended: false }), answer(inBody));
apps.all = all;

const site = express();
site.use((req, res, next) => {
  const chosen = apps[req.get('x-app')];
  if (chosen) chosen(req, res, next);
  else res.status(500).send('no such app');
});
// What cannot be parsed is no login.
site.use((error, req, res, next) => {
  res.status(error.status ?? 400).send(String(error.message));
});

const server = site.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`evasion listens on http://127.0.0.1:${server.address().port}`);
});
