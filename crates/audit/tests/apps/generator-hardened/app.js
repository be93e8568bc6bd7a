var createError = require('http-errors');
var express = require('express');
var helmet = require('helmet');
var logger = require('morgan');
var path = require('path');

var indexRouter = require('./routes/index');
var accountRouter = require('./routes/account');

var app = express(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler

app.set('views', path.join(__dirname, 'views'));
app.set('view engine', 'pug');
app.set('trust proxy', 'loopback'); // ok proxy/trust-all

app.use(logger('combined'));
app.use(helmet()); // ok headers/helmet-too-late
app.use(express.json());
app.use(express.urlencoded({ extended: false }));
app.use(express.static(path.join(__dirname, 'public')));

app.use('/', indexRouter);
app.use('/account', accountRouter);

app.use(function(req, res, next) {
  next(createError(404));
});

if (app.get('env') === 'development') {
  app.use(function(err, req, res, next) {
    res.status(err.status || 500);
    res.send('<pre>' + err.stack + '</pre>'); // ok errors/dev-handler-unguarded
  });
}

app.use(function(err, req, res, next) {
  res.status(err.status || 500);
  res.render('error', { message: 'Something broke' });
});

module.exports = app;
