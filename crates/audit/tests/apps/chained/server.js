const helmet = require('helmet');
const app = require('express')(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler

app
  .set('trust proxy', 1)
  .use(helmet())
  .get('/', (req, res) => res.send('ok'))
  .use((req, res) => res.status(404).end())
  .use((err, req, res, next) => res.status(500).end())
  .listen(3000);
