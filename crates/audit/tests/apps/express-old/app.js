var express = require('express');

var app = express(); // !! headers/helmet-missing fingerprint/x-powered-by // ?? errors/default-404 errors/default-handler
app.set('trust proxy', 1);
app.use(express.json());
app.use(app.router);
app.get('/', function (req, res) { res.send('ok'); });
app.listen(3000);
