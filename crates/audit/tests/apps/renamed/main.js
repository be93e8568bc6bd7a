import web, { Router as makeRouter } from 'express';
import { default as armour } from 'helmet';
import makeSession, { MemoryStore as Keep } from 'express-session';
import * as cs from 'cookie-session';
import { createServer as plain } from 'node:http';

const s = web(); // ok headers/helmet-missing fingerprint/x-powered-by
const { use, get } = s;
s.set('trust proxy', 1);
s.use(armour());
const store = new Keep(); // ?? session/memory-store
s.use('/a', makeSession({ store, name: 'a', secret: process.env.A, resave: false, saveUninitialized: false, cookie: { secure: true, sameSite: 'lax', maxAge: 1000 } })); // !! session/memory-store
s.use('/b', cs.default({ name: 'b', keys: [process.env.B], secure: true, sameSite: 'lax', httpOnly: false, maxAge: 1000 })); // !! cookie/httponly-disabled
const r = makeRouter({ mergeParams: true });
r.post('/log-in', (q, a) => (q.body.password === process.env.PASSWORD ? a.sendStatus(204) : a.sendStatus(401))); // !! auth/no-rate-limit
s.use(r);
s.use((q, a) => a.sendStatus(404));
s.use((e, q, a, n) => a.sendStatus(500));
plain(s).listen(3000);
