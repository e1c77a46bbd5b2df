// Notes in the state store `statestore` that a job was done.
import * as job from 'pillion-sdk/job';
import * as state from 'pillion-sdk/state';

export const jobHandler = job.handler((event) => {
  state.open('statestore').set(`done-${event.name}`, event.data);
});
