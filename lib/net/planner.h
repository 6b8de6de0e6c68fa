/* Asking a planner elsewhere: a task is POSTed, the answer is read and judged (EP-90, EP-A1). */
#ifndef NET_PLANNER_H
#define NET_PLANNER_H

#include "model/finding.h"
#include "model/task.h"
#include "net/exchange.h"
#include "net/judge.h"

struct planner {
    char *label; /* its name, or its URL without a password: what people see */
    char *url;
    int64_t timeout_ms;
};
void planner_fini(struct planner *p);

/* Begins to ask. A URL that ends with a slash is a whole service, whose planner is below it. */
void planner_ask(const struct planner *p, const struct task *task, struct exchange *x);

/* After exchange_wait: adds to offers (a list) those that keep to the task, each with `planner` and
 * with accept and job as absolute URLs; and to messages what the planner says, and what is wrong
 * with it and with offers that were dropped. Whatever came, there is no failure. `now` and
 * `grace` in s. */
void planner_read(const struct planner *p, const struct exchange *x, struct model *m,
                  const struct task *task, int64_t now, int64_t grace, json_t *offers,
                  json_t *messages);
/* Adds a message about the planner. */
void planner_message(const struct planner *p, json_t *messages, const struct finding *f);

#endif
