export const pages = {
  register(app) {
    app.get('/', (req, res) => res.send('ok'));
  },
};
