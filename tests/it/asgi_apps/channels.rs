//! Django with Channels: consumers of both kinds, groups over the layer in memory, HTTP beside them.

use super::{client, serve};
use crate::harness::{Emperor, Python};
use crate::real_apps::virtualenvs::Packages;

const APP: &str = r"
from django.conf import settings
settings.configure(
    SECRET_KEY='x', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], LOGGING_CONFIG=None,
    SESSION_ENGINE='django.contrib.sessions.backends.signed_cookies',
    MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware'],
    CHANNEL_LAYERS={'default': {'BACKEND': 'channels.layers.InMemoryChannelLayer'}})
from django.core.asgi import get_asgi_application
django_app = get_asgi_application()
from asgiref.sync import async_to_sync
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer, WebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.http import HttpResponse
from django.urls import path, re_path

class Chat(AsyncJsonWebsocketConsumer):
    async def connect(self):
        self.room = self.scope['url_route']['kwargs']['room']
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()
    async def disconnect(self, code):
        await self.channel_layer.group_discard(self.room, self.channel_name)
        print('left', self.room, 'with', code, flush=True)
    async def receive_json(self, content):
        await self.channel_layer.group_send(self.room, {'type': 'chat.message', 'said': content})
    async def chat_message(self, event):
        await self.send_json(event['said'])

class Sync(WebsocketConsumer):
    def connect(self):
        if 'wanted' not in self.scope['subprotocols']:
            return self.close()
        self.accept('wanted')
    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data and text_data[::-1], bytes_data=bytes_data and bytes_data[::-1])
        if text_data == 'enough':
            self.close(4003)

class Poll(AsyncHttpConsumer):
    async def handle(self, body):
        await self.send_headers(headers=[(b'Content-Type', b'text/plain')])
        for number in range(3):
            await self.send_body(b'%d' % number, more_body=True)
        await self.send_body(body)

def say(request, room):
    request.session['said'] = True
    layer = get_channel_layer()
    async_to_sync(layer.group_send)(room, {'type': 'chat.message', 'said': 'by http'})
    return HttpResponse('said')

urlpatterns = [path('say/<room>', say)]
application = ProtocolTypeRouter({
    'http': URLRouter([path('poll', Poll.as_asgi()), re_path('', django_app)]),
    'websocket': AllowedHostsOriginValidator(SessionMiddlewareStack(URLRouter([
        path('chat/<room>', Chat.as_asgi()), path('sync', Sync.as_asgi())]))),
})
";

const CLIENT: &str = r"
async def main():
    origin = {'origin': 'http://' + address}
    async with connect(url + '/chat/red', **origin) as a, connect(url + '/chat/red', **origin) as b:
        await a.send('{\x22text\x22: \x22hello\x22}')
        assert json.loads(await a.recv()) == json.loads(await b.recv()) == {'text': 'hello'}
        async with connect(url + '/chat/blue', **origin) as other:
            answer, data = await asyncio.to_thread(ask, '/say/red')
            assert (answer.status, data) == (200, b'said'), data
            assert answer.getheader('set-cookie').startswith('sessionid=')
            assert await a.recv() == await b.recv() == '\x22by http\x22'
            # Nothing of it has come here.
            await other.send('1')
            assert await other.recv() == '1'
        await b.close(4004)
    async with connect(url + '/sync', subprotocols=['wanted'], **origin) as socket:
        await socket.send('abc')
        assert await socket.recv() == 'cba'
        await socket.send(b'x' * 100_000 + b'y')
        assert await socket.recv() == b'y' + b'x' * 100_000
        await socket.send('enough')
        assert await socket.recv() == 'hguone'
        try:
            await socket.recv()
        except ConnectionClosed as error:
            assert error.rcvd.code == 4003, error
    try:
        await connect(url + '/sync', **origin)
    except InvalidStatus as error:
        assert error.response.status_code == 403, error
    else:
        raise AssertionError('it was accepted')

asyncio.run(main())
answer, data = ask('/poll', 'POST', b'!')
assert data == b'012!', data
";

pub(super) fn check(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "django==5.2.3 channels",
        version: "4.2.2",
    };
    let vassal = serve(emperor, python, &packages, "", APP);
    client(emperor, &emperor.address(&vassal), CLIENT);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    printed("left blue with 1000");
    printed("left red with 4004");
}
