/* Documents as the model wants them: canonical form, schemas, rules. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "model/load.h"

enum kind {
    KIND_TASK,
    KIND_OFFER,
    KIND_ANSWER,
    KIND_JOB,
    KIND_PLATFORM,
    KIND_CONFIGURATION,
    KIND_LOCATOR,
    KIND_MANIFEST,     /* a line of one: what the stager is asked */
    KIND_STAGE_REPORT, /* a line of what the stager answers */
    KIND_DRIVER,       /* a line to or from a driver */
    KIND_FINDING,
    KIND_REPORT,
};

/* By its keys (decisions.md, "Document kind"). */
enum kind kind_of(const json_t *doc);
/* -1 when there is no such kind. */
int kind_parse(const char *name, enum kind *kind);
const char *kind_name(enum kind kind);
/* The key a document of this kind is known by, or NULL. */
const char *kind_key(enum kind kind);
/* "task, offer, ... or report", for messages; the caller frees. */
char *kind_list(void);

/* Brings doc into canonical form, in place, and says with notices which sloppy forms it read; then
 * checks it against the schemas of its kind and of every known type in it, and against the rules.
 * base is the directory that relative paths in a task begin at (absolute), or NULL where a relative
 * path is an error. Pointers in findings are those of the document as it was written.
 * Returns 0 also when there are findings (findings->errors counts), -1 with CODE_CONFIG. */
int check_document(struct model *m, enum kind kind, json_t *doc, const char *base,
                   struct findings *findings, struct err *err);

/* Where the pieces meet; each is used by check_document only. */

/* Moves made by the canonical form: what stands at `to` was written at `from`. */
struct move_row {
    char *from;
    size_t before; /* one more than the index of the last move to the same place; 0: none */
};
struct moves {
    struct move_row *list;
    size_t n;
    json_t *last; /* to -> one more than the index of the last move there */
};
void moves_add(struct moves *moves, const char *to, const char *from);
/* Where it was written: undoes the moves, the last one first. The caller frees. */
char *moves_origin(const struct moves *moves, const char *pointer);
void moves_fini(struct moves *moves);
/* What belongs to a type nobody here knows is carried untouched, whatever it says (EP-07). */
bool typed_foreign(const struct model *m, const json_t *item);
/* Is its type of the catalogue (or not given)? What a site's type means is said by its schema only:
 * the forms and the rules of the draft's types are not for it. */
bool typed_own(const struct model *m, const json_t *item);
void canon_task(const struct model *m, json_t *doc, struct moves *moves, struct findings *findings);
/* Of a platform: one spelling of every type. */
void canon_platform(const struct model *m, json_t *doc, struct moves *moves,
                    struct findings *findings);
/* Of offers: null is "not given" in what an offer says of its task (the draft's offer-002). */
void canon_offer(const struct model *m, json_t *doc, struct moves *moves,
                 struct findings *findings);
void canon_answer(const struct model *m, json_t *doc, struct moves *moves,
                  struct findings *findings);
/* A hook of schema_check; context is a struct canon. Rewrites a time, duration, window, location or
 * image the canonical way, in place. */
struct canon {
    const char *base; /* as of check_document */
    struct findings *findings;
    struct pointer *at;
};
void canon_format(void *context, const char *format, json_t *string, struct pointer *at);
void rules_task(const struct model *m, json_t *doc, struct findings *findings);
void rules_configuration(const struct model *m, json_t *doc, struct findings *findings);
void rules_platform(const struct model *m, json_t *doc, struct findings *findings);

/* Every place of a document where {type, spec} may stand: calls visit with the item and its
 * pointer, and the area of types that belongs there ("executable", "storage"...). What is inside
 * the spec of a type nobody knows is not visited (EP-07). */
typedef void typed_visit(void *context, json_t *item, const char *area, struct pointer *at);
void typed_each(const struct model *m, json_t *doc, typed_visit *visit, void *context);

#endif
