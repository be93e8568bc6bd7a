const compression = require('compression');
const morgan = require('morgan');
const helmet = require('helmet');

module.exports = function (app) {
  app.set('trust proxy', 1);
  app.use(compression());
  app.use(morgan('combined'));
  app.use(helmet()); // ok headers/helmet-too-late
};
