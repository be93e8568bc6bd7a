const { Strategy: LocalStrategy } = require('passport-local');
const GoogleStrategy = require('passport-google-oauth20').Strategy;

module.exports = (passport) => {
  passport.use(new LocalStrategy(async (username, password, done) => {
    const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify({ username, password }) });
    done(null, answer.ok ? await answer.json() : false);
  }));
  passport.use(new GoogleStrategy({
    clientID: '1234567890-abcdefghij.apps.googleusercontent.com', // ok secrets/hardcoded
    clientSecret: 'GOCSPX-vC9mXo2Lq8RtYw4KzB7nPd1s', // !! secrets/hardcoded
    callbackURL: '/auth/google/callback',
  }, (accessToken, refreshToken, profile, done) => done(null, { id: profile.id })));
  passport.serializeUser((user, done) => done(null, user.id));
  passport.deserializeUser((id, done) => done(null, { id }));
};
