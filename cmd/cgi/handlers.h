/* What answers the routes, each kind in a file of its own. */
#ifndef CGI_HANDLERS_H
#define CGI_HANDLERS_H

#include "model/task.h"
#include "route.h"

/* plan.c: tasks, offers */
handler serve_planner, serve_offer, serve_accept;
/* The task in the body, checked: 1, 0 when it was refused, -1 with err. */
int plan_read(struct service *s, struct request *r, struct reply *p, struct task *task,
              struct err *err);
/* What the platforms and planners say to it, for who asks: a new reference. */
int plan_ask(struct service *s, const struct task *task, json_t **answer, struct err *err);
/* root.c: the service document */
handler serve_root;
/* openapi.c: the description of all routes; a new reference, NULL with err */
handler serve_openapi_json, serve_openapi_yaml;
json_t *openapi_document(struct service *s, struct err *err);
/* vosi.c: what the service can do, and whether it does */
handler serve_capabilities, serve_availability;
/* Appends the record of the service for a registry; CODE_CONFIG when the configuration lacks
 * something it needs. */
int record_print(struct service *s, struct buf *out, struct err *err);
/* job.c: jobs as documents */
handler serve_job;

/* main.c: an error into the server's log */
void route_log(const struct err *err);

#endif
