const express = require('./shared/express');

const app = express('parent');
app.use('/admin', require('./admin')());
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(process.env.PORT);
