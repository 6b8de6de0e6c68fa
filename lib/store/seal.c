#include "store/seal.h"
#include "host/spawn.h"
#include "text/write.h"

#define SEAL_MS 20000

static int run_seal(const struct store *s, const char *verb, const char *name, const char *input,
                    struct buf *out, struct err *err)
{
    own(str_fini) char *key = str_print("%s/key", s->dir);
    own(str_fini) char *path = spawn_find_program("execdm-seal");
    if (!path)
        return err_set(
            err, CODE_UNAVAIL,
            "a secret of the task cannot be kept: execdm-seal is not installed (it needs "
            "OpenSSL); leave the password out of the URL");
    char *argv[] = {path, (char *)verb, (char *)name, key, NULL};
    own(spawn_fini) struct spawn run = {.argv = argv, .input = input, .deadline_ms = SEAL_MS};
    int rc = spawn_run(&run, err);
    if (rc < 0)
        return -1;
    if (rc != 0) {
        err_set(err, rc == 1 ? CODE_OS : (enum code)rc, "%s", spawn_last_error(&run));
        err->inner = true;
        return -1;
    }
    *out = run.out;
    run.out = (struct buf){0};
    return 0;
}

char *seal_document(const struct store *s, const char *name, const json_t *doc, struct err *err)
{
    own(buf_fini) struct buf out = {0};
    own(str_fini) char *text = write_string(doc);
    if (run_seal(s, "seal", name, text, &out, err) < 0)
        return NULL;
    out.bytes[strcspn(out.bytes, "\n")] = '\0';
    return buf_take(&out);
}

json_t *seal_open(const struct store *s, const char *name, const char *sealed, struct err *err)
{
    own(buf_fini) struct buf out = {0};
    if (run_seal(s, "open", name, sealed, &out, err) < 0)
        return NULL;
    json_t *doc = json_loadb(out.bytes, out.len, 0, NULL);
    if (!doc)
        err_set(err, CODE_DATA, "what was sealed is no document");
    return doc;
}
