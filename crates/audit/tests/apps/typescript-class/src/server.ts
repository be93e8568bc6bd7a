import { App } from './app';
import { AuthController } from './auth.controller';

const app = new App([new AuthController()], Number(process.env.PORT ?? 5000));
app.listen();
