/* What answers the routes, each kind in a file of its own. */
#ifndef CGI_HANDLERS_H
#define CGI_HANDLERS_H

#include "job/amend.h"
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
/* The same of a document; the task keeps a reference, and it is canonical then. */
int plan_check(struct service *s, struct reply *p, json_t *doc, struct task *task, struct err *err);
/* What the platforms here say to it, for who asks: a new reference. */
int plan_ask(struct service *s, const struct task *task, json_t **answer, struct err *err);
/* The same as the service shows it. */
int plan_answer(struct service *s, const struct task *task, json_t **answer, struct err *err);
/* create.c: jobs made over UWS, and their parameters */
handler serve_create, serve_create_parameters;
/* PHASE=RUN of a draft (job.h): it is planned, changed as `a` says, which may be NULL, and its best
 * offer accepted: all of it or nothing. As plan_read. */
int create_run(struct service *s, struct reply *p, const struct job *j, const struct amend *a,
               struct err *err);
/* change.c: what is asked of a job */
handler serve_change, serve_change_delete, serve_change_patch;
/* result.c: the files of a job */
handler serve_result, serve_result_log;
const char *result_type(const char *name); /* the media type that it is sent as */
/* wait.c: with WAIT in the request, waits while the job is in its phase (UWS 1.1, 2.2.1.3). 1: go
 * on with *j, which is the job as it is then; 0: answered; -1 with err. */
int wait_for(struct service *s, const struct request *r, struct reply *p, struct job *j,
             struct err *err);
/* page_planner.c: the page with the form for a task; and a task that was typed there */
handler serve_planner_page, plan_form;
/* platform.c: what there is to run on */
handler serve_platforms, serve_platform;
/* style.c: the style sheet of pages */
handler serve_style;
/* root.c: the service document; where who wants to be known shows a name */
handler serve_root, serve_login;
/* openapi.c: the description of all routes; a new reference, NULL with err */
handler serve_openapi_json, serve_openapi_yaml;
json_t *openapi_document(struct service *s, struct err *err);
/* vosi.c: what the service can do, and whether it does */
handler serve_capabilities, serve_availability;
/* record.c: appends the record of the service for a registry; CODE_CONFIG when the configuration
 * lacks something it needs */
int record_print(struct service *s, struct buf *out, struct err *err);
/* job.c: jobs as documents, and what UWS has below one */
handler serve_error, serve_job, serve_parameters, serve_results, serve_value;
/* list.c: which jobs there are */
handler serve_jobs;
/* trigger.c */
handler serve_trigger;

/* main.c: an error into the server's log */
void route_log(const struct err *err);

#endif
