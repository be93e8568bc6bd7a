const socketState = document.querySelector('#socket');
const eventCount = document.querySelector('#events');

const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/ws`);
socket.addEventListener('open', () => socket.send('hello'));
socket.addEventListener('message', ({ data }) => { socketState.value = `echo: ${data}`; });
socket.addEventListener('error', () => { socketState.value = 'failed'; });

const events = new EventSource('/events?count=5&pause=50');
events.addEventListener('message', ({ data }) => {
  const { id } = JSON.parse(data);
  eventCount.value = id;
  if (id === 5) {
    events.close();
  }
});
