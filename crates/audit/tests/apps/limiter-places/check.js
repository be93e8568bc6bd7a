module.exports = async (req, res) => {
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify(req.body) });
  res.sendStatus(answer.ok ? 204 : 401);
};
