/* Pages for people: what all of them have, and how a part of them is written. None has a script. */
#ifndef CGI_PAGE_H
#define CGI_PAGE_H

#include "guard.h"
#include "html.h"

struct page {
    struct html html;
    struct service *s;
    char token[SUM_SHA256_TEXT]; /* of its forms, once page_token was called */
};

/* Begins a page, up to its heading; `at` is its part of the service, "jobs". page_end makes it the
 * answer; page_fini gives back one that does not become one. */
void page_begin(struct page *g, struct service *s, const char *at, const char *title);
void page_end(struct page *g, struct reply *p);
void page_fini(struct page *g);

/* Before the first form. */
int page_token(struct page *g, struct err *err);
/* A form that is POSTed to a URL; to be closed. */
void page_form(struct page *g, const char *url);
void page_hidden(struct page *g, const char *name, const char *value);

/* "2026-11-23 17:34:26" of a time as documents have it; a dash when it is NULL. */
void page_time(struct page *g, const char *text);
void page_phase(struct page *g, const char *phase);
/* A link to "BASE/path..." with this text. */
void page_link(struct page *g, const char *text, const char *fmt, ...) PRINTF(3, 4);
/* In a list of facts (dl): a name and what it is; what comes after page_fact is to be closed. */
void page_fact(struct page *g, const char *name);
void page_says(struct page *g, const char *name, const char *value); /* not when it is NULL */
/* Findings and messages, where there are any. */
void page_messages(struct page *g, const json_t *messages);
/* The head of a table, names NULL-ended: table and tbody are open then. */
void page_table(struct page *g, const char *const *names);
void page_table_end(struct page *g);

/* A problem (see reply_refuse), where the client shows pages: the body becomes a page. */
void page_problem(struct service *s, const struct request *r, struct reply *p);

#define PAGE_JOBS 50 /* of a list that names no LAST */
/* page_job.c: a job, a list of them, newest first, as documents: of these only the ids
 * are looked at. */
int page_job(struct service *s, struct request *r, struct reply *p, const json_t *doc,
             struct err *err);
int page_jobs(struct service *s, struct request *r, struct reply *p, const json_t *docs,
              struct err *err);
void page_job_table(struct page *g, const json_t *docs);
/* The newest n jobs of who asks, as documents: a new reference. */
int page_newest(struct service *s, size_t n, json_t **docs, struct err *err);

/* page_platform.c: the platforms of a list, one of them, and the page one begins with. */
int page_platforms(struct service *s, struct reply *p, const json_t *list, struct err *err);
int page_platform(struct service *s, struct reply *p, const json_t *doc, struct err *err);
int page_root(struct service *s, struct reply *p, struct err *err);
/* timeline.c: a picture of what is booked and what ran on a platform. */
int timeline_draw(struct page *g, const char *platform, struct err *err);

#endif
