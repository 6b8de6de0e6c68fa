/* What all handlers share: the configuration, the model and the store, each opened when it is first
 * needed; and who asks. Nothing of a request outlives it. */
#ifndef CGI_SERVICE_H
#define CGI_SERVICE_H

#include "model/check.h"
#include "plan/policy.h"
#include "reply.h"
#include "store/store.h"

#define SERVICE_ANONYMOUS "anonymous" /* the owner of who has shown no name */
struct service {
    json_t *site; /* execdm.yaml, and */
    char *stamp;  /* of what state that, the types and the store are */
    struct model model;
    struct store store;
    bool modelled, stored;
    /* of the request at hand */
    char *base;                  /* the URL of the service, without a slash at its end; may be "" */
    struct identity who;         /* name NULL: nobody, and the service lets nobody in unknown */
    bool known;                  /* shown to the web server, not taken for granted */
    bool administers;            /* may see and change the jobs of all */
    const struct parts *uploads; /* that came with its task, borrowed of the request; or NULL */
    char kept[UUID_TEXT]; /* by which the files of its task are kept (plan/upload.h), or "" */
};

/* For every request; what is open stays so, until execdm.yaml, the types of the site or the
 * schemas change, or the file of the store is another one. s begins as
 * {.store.lock = -1}. */
int service_open(struct service *s, struct err *err);
void service_close(struct service *s);
/* For a request: who asks, and by which URL the service is known. -1 with CODE_PERM for a name that
 * cannot be let in, or, when nobody is known, for a proof of a name that is none: 401. */
int service_meet(struct service *s, const struct request *r, struct err *err);
/* The same on the command line, where nobody asks: the URL is the configured one, or "". */
void service_meet_nobody(struct service *s);

struct model *service_model(struct service *s, struct err *err); /* NULL with err */
struct store *service_store(struct service *s, struct err *err); /* NULL with err */
/* What the configuration says of the service: its `service`, borrowed; NULL when it says nothing.
 */
const json_t *service_row(const struct service *s);
/* "BASE/path..."; the caller frees. */
char *service_url(const struct service *s, const char *fmt, ...) PRINTF(2, 3);

/* May who asks see what is this owner's? `private` is what a job or an offer keeps: it is theirs
 * who have shown the name by the same method (EP-58); NULL: by any. */
bool service_sees(const struct service *s, const char *owner, const json_t *private);
/* A job who asks may see, read from the store: CODE_NOINPUT for all others, so that nobody learns
 * which ids there are. The caller gives back j. */
int service_job(struct service *s, const char *id, struct job *j, struct err *err);
/* The service's document of a job: as query_job, with its URLs at this service. A new reference,
 * NULL with err. */
json_t *service_document(struct service *s, const char *id, struct err *err);
/* The same of a job that service_job has just read; parts of it are those of j->doc, and
 * are changed to what is told here. */
json_t *service_show(struct service *s, struct job *j, struct err *err);

#endif
