// Actors that count, each for itself, and are reminded.
import { text } from 'pillion-sdk';
import * as actor from 'pillion-sdk/actor';

export const actorHandler = actor.handler((context) => {
  const saved = context.get('count');
  let count = saved ? Number(text(saved)) : 0;
  let turns = 0;
  const add = (more) => {
    context.set('count', String(count + more));
    count += more;
  };
  return {
    invoke(method, data) {
      turns += 1;
      if (method === 'add') add(Number(text(data)));
      else if (method === 'remind') context.remind(text(data), { dueTime: '0s', data: { more: 100 } });
      else if (method === 'turns') return String(turns);
      else if (method !== 'get') throw new Error(`no method ${method}`);
      return String(count);
    },
    reminder(name, data) {
      add(JSON.parse(text(data)).more);
    },
  };
});
