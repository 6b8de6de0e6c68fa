/* What answers the routes, each kind in a file of its own. */
#ifndef CGI_HANDLERS_H
#define CGI_HANDLERS_H

#include "model/task.h"
#include "route.h"

/* body.c: the document in the body, YAML or JSON, or the part of a form that is one: 1, and a new
 * reference; 0 when it was refused */
int body_document(const struct request *r, struct reply *p, json_t **doc);
/* The same of names and values, which a form may have, too. */
int body_values(const struct request *r, struct reply *p, json_t **values);

/* plan.c: tasks, offers */
handler serve_planner, serve_offer, serve_accept;
/* The task in the body, checked, with the files that came with it, which plan_ask keeps (upload.h):
 * 1, 0 when it was refused, -1 with err. */
int plan_read(struct service *s, struct request *r, struct reply *p, struct task *task,
              struct err *err);
/* What the platforms and planners say to it, for who asks: a new reference. */
int plan_ask(struct service *s, const struct task *task, json_t **answer, struct err *err);
/* root.c: the service document */
handler serve_root;
/* job.c: jobs as documents */
handler serve_job;
/* trigger.c */
handler serve_trigger;

/* main.c: an error into the server's log */
void route_log(const struct err *err);

#endif
