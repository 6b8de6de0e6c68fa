/* What one platform answers to one task: offers, recorded in the store, or reasons (Planner 2). */
#ifndef PLAN_ANSWER_H
#define PLAN_ANSWER_H

#include "host/image.h"
#include "model/platform.h"
#include "model/task.h"
#include "plan/locations.h"
#include "plan/policy.h"
#include "store/store.h"

/* An answer being put together: {"result", "offers", "messages"}. */
struct answer {
    char id[UUID_TEXT]; /* siblings are offers of the same answer */
    json_t *offers, *messages;
    const struct policy *policy; /* borrowed */
    bool explain;                /* tell the nearest request that would have been YES, too */
    struct locations locations;  /* of the task, tried once for all platforms */
    json_t *documents;           /* that it names, fetched once; see match.h */
    char *sealed;                /* what was secret in the last offer that had secrets, and */
    json_t *secrets;             /* the same before it was sealed */
    bool open;                   /* a transaction is, in which offers are kept */
    bool image_alone;            /* asked is whether the image would be run; nothing is offered */
    char digest[IMAGE_DIGEST_TEXT]; /* then: what it is, when it would */
    size_t asked;                   /* how many platforms were */
    json_t *unknown;                /* type -> how many of them do not know it */
};
void answer_init(struct answer *a, const struct policy *policy);
void answer_fini(struct answer *a);
/* The document, a new reference: of an image alone a verdict. */
json_t *answer_document(const struct answer *a);

/* Adds what the platform says. `now` is real time in ms. 0 whatever the answer is; -1 when the
 * store failed. */
int answer_platform(struct answer *a, struct store *store, const struct task *task,
                    const struct platform *platform, int64_t now, struct err *err);
/* When all were asked: the offers are in the store when this returns. `rc` is how the asking went;
 * -1 of it, too, and none is kept. */
int answer_keep(struct answer *a, struct store *store, int rc, struct err *err);
/* Then: counts the types that none of them knows, for execdm-store usage (PRD-26).
 */
int answer_count(const struct answer *a, struct store *store, int64_t now, struct err *err);
/* Adds a message about a platform that could not be asked; NULL: about all of them. */
void answer_message(struct answer *a, const char *platform, const char *rule, const char *text);

#endif
