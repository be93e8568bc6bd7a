const express = require('express');

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler

require('./config/express')(app);
require('./routes')(app);
require('./config/errors')(app);

app.listen(process.env.PORT, function () { // ok tls/plain-http-server
  console.log('listening');
});
