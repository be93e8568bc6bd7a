module.exports = {
  get brute() {
    return require('./brute');
  },
};
