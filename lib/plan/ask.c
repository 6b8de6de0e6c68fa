#include <dirent.h>
#include "host/clock.h"
#include "host/driver.h"
#include "host/path.h"
#include "host/site.h"
#include "plan/ask.h"

#define PROBE_S 20

static char *platforms_dir(void)
{
    own(str_fini) char *config = config_dir();
    own(str_fini) char *dir = config ? str_print("%s/platforms.d", config) : NULL;
    return dir && path_exists(dir) ? move(dir) : NULL;
}

static int is_platform_file(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');
    return e->d_name[0] != '.' && dot &&
           (str_same(dot, ".yaml") || str_same(dot, ".yml") || str_same(dot, ".json"));
}

static int probe_driver(const json_t *doc, json_t **reply, struct err *err)
{
    own(json_fini) json_t *lines = json_pack("[{s:s}]", "id", "probe");
    own(json_fini) json_t *replies = NULL;
    if (driver_call(json_text(doc, "driver"), "probe", json_object_get(doc, "driver-options"),
                    lines, PROBE_S, &replies, err) < 0)
        return -1;
    *reply = json_incref(json_array_get(replies, 0));
    return 0;
}

static int ask_one(struct answer *a, struct store *store, const struct task *task, json_t *doc,
                   struct err *err)
{
    own(json_fini) json_t *probe = NULL;
    own(platform_fini) struct platform platform = {0};
    struct err why = {0};
    if (probe_driver(doc, &probe, &why) < 0 || platform_init(&platform, doc, probe, &why) < 0) {
        answer_message(a, json_text(doc, "name"), "platform-down", why.text);
        return 0;
    }
    return answer_platform(a, store, task, &platform, clock_ms(), err);
}

static int ask_file(struct answer *a, struct model *model, struct store *store,
                    const struct task *task, const char *path, struct err *err)
{
    own(json_fini) json_t *doc = NULL;
    struct err why = {0};
    if (site_document(model, KIND_PLATFORM, path, &doc, &why) == 0)
        return ask_one(a, store, task, doc, err);
    own(str_fini) char *text = str_print("%s%s%s", why.where, why.where[0] ? ": " : "", why.text);
    answer_message(a, path, "platform-file", text);
    return 0;
}

static int ask_localhost(struct answer *a, struct store *store, const struct task *task,
                         struct err *err)
{
    own(json_fini) json_t *doc = json_pack("{s:s,s:s}", "name", "localhost", "driver", "local");
    return ask_one(a, store, task, doc, err);
}

static int ask_named(struct answer *a, struct model *model, struct store *store,
                     const struct task *task, const char *name, struct err *err)
{
    own(str_fini) char *dir = platforms_dir();
    if (strchr(name, '/') && !path_exists(name))
        return err_set(err, CODE_NOINPUT, "there is no platform file %s", name);
    if (strchr(name, '/'))
        return ask_file(a, model, store, task, name, err);
    own(str_fini) char *path = dir ? site_file(dir, name) : NULL;
    if (path)
        return ask_file(a, model, store, task, path, err);
    if (str_same(name, "localhost"))
        return ask_localhost(a, store, task, err);
    return err_set(
        err, CODE_NOINPUT,
        "there is no platform \"%s\" in %s; a file is named with a slash, like ./%s.yaml", name,
        dir ? dir : "the configuration (no platforms.d)", name);
}

int ask_platforms(struct answer *a, struct model *model, struct store *store,
                  const struct task *task, char *const *names, struct err *err)
{
    for (size_t i = 0; names && names[i]; i++)
        if (ask_named(a, model, store, task, names[i], err) < 0)
            return -1;
    if (names && names[0])
        return 0;
    own(str_fini) char *dir = platforms_dir();
    struct dirent **files = NULL;
    int n = dir ? scandir(dir, &files, is_platform_file, alphasort) : 0;
    int rc = n > 0 ? 0 : ask_localhost(a, store, task, err);
    for (int i = 0; i < n; i++) {
        own(str_fini) char *path = str_print("%s/%s", dir, files[i]->d_name);
        if (rc == 0)
            rc = ask_file(a, model, store, task, path, err);
        free(files[i]);
    }
    free(files);
    return rc;
}
