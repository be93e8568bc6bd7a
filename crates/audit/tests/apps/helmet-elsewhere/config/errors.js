module.exports = (app) => {
  app.use((req, res) => res.status(404).json({ error: 'not found' }));
  app.use(handler);
};

function handler(err, req, res, next) {
  if (res.headersSent) return next(err);
  res.status(err.status || 500).json({ error: 'failed' });
}
