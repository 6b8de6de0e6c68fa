#include "plan/draft.h"
#include "model/secret.h"
#include "store/seal.h"

#define KEPT_MS ((int64_t)30 * 86400000)

json_t *draft_keep(const struct store *store, const char *id, const json_t *task, struct err *err)
{
    own(json_fini) json_t *shown = json_deep_copy(task);
    own(json_fini) json_t *secrets = secret_take(shown);
    if (!secrets)
        return json_pack("{s:O}", "task", shown);
    own(str_fini) char *sealed = seal_document(store, id, secrets, err);
    return sealed
               ? json_pack("{s:O,s:{s:s,s:s}}", "task", shown, "sealed", "name", id, "text", sealed)
               : NULL;
}

json_t *draft_task(const struct store *store, const struct job *j, struct err *err)
{
    const json_t *private = json_object_get(j->doc, "private");
    const json_t *sealed = json_object_get(private, "sealed");
    own(json_fini) json_t *task = json_deep_copy(json_object_get(private, "task"));
    if (!task) {
        err_set(err, CODE_NOINPUT, "job %s has no task; give it one by its parameter JDL", j->id);
        return NULL;
    }
    if (!sealed)
        return move(task);
    own(json_fini) json_t *secrets =
        seal_open(store, json_text(sealed, "name"), json_text(sealed, "text"), err);
    if (!secrets)
        return NULL;
    secret_put(task, secrets);
    return move(task);
}

void draft_init(struct job *j, const char *id, const struct identity *who, int64_t now,
                json_t *parameters, json_t *kept, const char *runid)
{
    const char *name = json_text(json_object_get(kept, "task"), "name");
    own(json_fini) json_t *private = kept ? json_copy(kept) : json_object();
    *j = (struct job){.phase = PHASE_PENDING,
                      .name = str_new(name),
                      .owner = str_new(who->name),
                      .platform = str_new(""),
                      .driver = str_new(JOB_DRAFT),
                      .created = now,
                      .destruction = now + KEPT_MS,
                      .doc = json_pack("{s:s*,s:O,s:n,s:O}", "runid", runid, "parameters",
                                       parameters, "url", "private", private)};
    json_object_set_new(
        private, "policy",
        json_pack("{s:s,s:s*}", "identity", who->name, "method", json_text(who->method, "type")));
    snprintf(j->id, sizeof(j->id), "%s", id);
}
