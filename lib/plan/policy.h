/* Who asks, which platforms are theirs, and how much of them (EP-57, EP-5C; execdm.yaml(5)). */
#ifndef PLAN_POLICY_H
#define PLAN_POLICY_H

#include "model/check.h"
#include "model/finding.h"
#include "model/platform.h"
#include "store/store.h"

struct identity {
    char *name;     /* jobs bear it as their owner; NULL: nobody */
    json_t *method; /* how it was shown, as an offer lists it: no secrets */
    bool remote;    /* shown to a service: files of this machine are not theirs, nor groups */
};
/* The local user of this process. */
void identity_local(struct identity *who);
void identity_fini(struct identity *who);

/* What the configuration says to one identity. */
struct policy {
    struct identity who;
    json_t *quotas; /* its rows, as an offer keeps them */
    json_t *site;   /* execdm.yaml as it stands; an empty object where there is none */
    int64_t grace;  /* s a bare instant may be late (decisions.md, "Slot") */
    char *uploads;  /* the answer whose files came with the task (upload.h), or NULL */
};
/* For the local user of this process. Without a configuration there are no limits. */
int policy_open(struct policy *p, struct model *model, struct err *err);
/* For somebody else; `site` is execdm.yaml. Keeps references and copies. */
void policy_of(struct policy *p, json_t *site, const struct identity *who);
void policy_close(struct policy *p);

/* Is what the task names to be reached only where everybody can (execdm.yaml(5),
 * private-addresses)? */
bool policy_public(const struct policy *p);

/* May it use this platform at all, and are the limits enforced that its policy wants enforced?
 * Otherwise findings gains a NO for each. */
bool policy_allows(const struct policy *p, const struct platform *platform,
                   struct findings *findings);

/* May it use the platform of this document, as far as that says who may? */
bool policy_admits(const struct policy *p, const json_t *platform);

/* The quotas of an identity on one platform, with what its jobs hold of each now. */
struct quota {
    json_t *rows; /* borrowed where they are read, [{"for", "platforms", "cores", ...}] */
    json_t *held; /* see usage_held */
};
/* `now` is real time in s. */
int quota_open(struct quota *q, const struct policy *p, struct store *store, const char *platform,
               int64_t now, struct err *err);
void quota_close(struct quota *q);
/* Is there enough for one job more, that books `need` for `length` s? Otherwise findings gains a NO
 * for each that is too small. */
bool quota_allows(const struct quota *q, struct room need, int64_t length,
                  struct findings *findings);
/* Lowers what a job that books `need` may grow to, to what is left. */
void quota_cap(const struct quota *q, struct room need, int64_t *cores, int64_t *memory);

/* What an offer keeps of this, so that accepting it asks nobody: a new reference. */
json_t *policy_private(const struct policy *p, const struct quota *q);
/* Accepting, also again: is it the same identity, shown by the same method (EP-58)? `private` is
 * what the offer keeps. CODE_PERM. */
int policy_theirs(const json_t *private, const struct identity *who, struct err *err);
/* Accepting: is there still enough? In the accepting transaction; `now` in s. CODE_CONFLICT. */
int policy_accept(struct store *store, const json_t *private, int64_t now, struct err *err);

#endif
