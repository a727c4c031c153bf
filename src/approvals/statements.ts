import type { Statement } from '../db/query.ts';

// One statement per function of the migrations on approvals.

export const request: Statement = {
  name: 'approval_request',
  text: `SELECT talosgate.approval_request(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12::jsonb, $13, $14, $15, $16, $17::jsonb) AS answer`,
};
export const vote: Statement = {
  name: 'approval_vote',
  text: 'SELECT talosgate.approval_vote($1, $2, $3::text[], $4, $5, $6::jsonb) AS answer',
};
export const cancel: Statement = {
  name: 'approval_cancel',
  text: 'SELECT talosgate.approval_cancel($1, $2, $3) AS answer',
};
export const withdraw: Statement = {
  name: 'approval_withdraw',
  text: 'SELECT talosgate.approval_withdraw($1, $2, $3) AS answer',
};
export const end: Statement = {
  name: 'approval_end',
  text: 'SELECT talosgate.approval_end($1, $2, $3, $4) AS answer',
};
export const get: Statement = { name: 'approval_get', text: 'SELECT talosgate.approval_get($1) AS approval' };
export const find: Statement = { name: 'approval_find', text: 'SELECT talosgate.approval_find($1) AS approval' };
export const list: Statement = {
  name: 'approval_list',
  text: 'SELECT approval FROM talosgate.approval_list($1::text[], $2, $3) AS approval',
};
export const states: Statement = {
  name: 'approval_states',
  text: 'SELECT id, state FROM talosgate.approval_states($1::text[])',
};
export const events: Statement = {
  name: 'approval_events',
  text: 'SELECT event FROM talosgate.approval_events($1, $2) AS event',
};
export const emergency: Statement = {
  name: 'approval_emergency',
  text: `SELECT talosgate.approval_emergency(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14) AS answer`,
};
export const reviews: Statement = {
  name: 'approval_reviews',
  text: 'SELECT review FROM talosgate.approval_reviews($1, $2, $3) AS review',
};
export const closeReview: Statement = {
  name: 'approval_review_close',
  text: 'SELECT talosgate.approval_review_close($1, $2, $3) AS outcome',
};
export const expire: Statement = {
  name: 'approval_expire',
  text: 'SELECT approval FROM talosgate.approval_expire($1) AS approval',
};
export const lapsesDue: Statement = {
  name: 'approval_lapses_due',
  text: 'SELECT approval FROM talosgate.approval_lapses_due($1) AS approval',
};
export const lapseRecorded: Statement = {
  name: 'approval_lapse_recorded',
  text: 'SELECT talosgate.approval_lapse_recorded($1)',
};
export const orphans: Statement = {
  name: 'approval_orphans',
  text: 'SELECT id, how FROM talosgate.approval_orphans($1)',
};
