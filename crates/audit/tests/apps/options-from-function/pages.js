export function missing(req, res) {
  res.status(404).send('Not found');
}

export function failed(err, req, res, next) {
  res.status(err.status || 500).send('Failed');
}
