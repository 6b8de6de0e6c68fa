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
/* The same as the service shows it. */
int plan_answer(struct service *s, const struct task *task, json_t **answer, struct err *err);
/* page_planner.c: the page with the form for a task; and a task that was typed there */
handler serve_planner_page, plan_form;
/* platform.c: what there is to run on */
handler serve_platforms, serve_platform;
/* style.c: the style sheet of pages */
handler serve_style;
/* root.c: the service document; where who wants to be known shows a name */
handler serve_root, serve_login;
/* job.c: jobs as documents */
handler serve_job, serve_jobs;

/* main.c: an error into the server's log */
void route_log(const struct err *err);

#endif
