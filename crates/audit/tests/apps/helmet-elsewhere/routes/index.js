const fs = require('fs');
const path = require('path');

module.exports = (app) => {
  [['/items', require('./items')], ['/people', require('./people')]].forEach(([prefix, router]) => {
    app.use('/api' + prefix, router);
  });
};
