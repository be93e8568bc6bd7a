const = require('express');
app.use(helmet(
