const express = require('express');
const {
  contentSecurityPolicy, crossOriginOpenerPolicy, crossOriginResourcePolicy, frameguard, hidePoweredBy, hsts, noSniff,
  originAgentCluster, dnsPrefetchControl, ieNoOpen, permittedCrossDomainPolicies, referrerPolicy, xssFilter,
} = require('helmet');

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by
app.set('trust proxy', 1);
app.use([
  contentSecurityPolicy(), // ok headers/helmet-partial headers/helmet-weakened
  crossOriginOpenerPolicy(),
  crossOriginResourcePolicy(),
  originAgentCluster(),
  referrerPolicy(),
  hsts(),
  noSniff(),
  dnsPrefetchControl(),
  ieNoOpen(),
  frameguard(),
  permittedCrossDomainPolicies(),
  hidePoweredBy(),
  xssFilter(),
]);

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
