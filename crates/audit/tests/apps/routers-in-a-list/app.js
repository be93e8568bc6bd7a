const express = require('express');
const helmet = require('helmet');
const errorhandler = require('errorhandler');
const { baseUrl, debug } = require('./config');

const app = express(); // !! errors/default-handler // ok errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
if (debug) {
  app.use(errorhandler()); // ok errors/dev-handler-unguarded
}
app.use(express.json());

const routers = [
  require('./routes/items.js'),
  require('./routes/signin.js'),
];
if (process.env.GOOGLE_CLIENT_ID) {
  routers.push(require('./routes/oauth.js'));
}
routers.forEach(function (router) {
  app.use(baseUrl, router);
});
app.use(baseUrl + '/api/', (req, res) => res.sendStatus(404));
app.use((req, res) => res.send('<!doctype html>'));

app.listen(3000);
