exports.check = async (username, password) => {
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: new URLSearchParams({ username, password }) });
  return answer.ok ? answer.json() : null;
};

exports.exchange = async (code) => {
  const answer = await fetch(process.env.TOKENS, { method: 'POST', body: new URLSearchParams({ code }) });
  return answer.json();
};
