const Koa = require('koa');
const Router = require('koa-router');

const app = new Koa(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler
const router = new Router();
router.get('/', (ctx) => { ctx.body = 'ok'; });
app.use(router.routes());
app.listen(3000); // ?? tls/plain-http-server
