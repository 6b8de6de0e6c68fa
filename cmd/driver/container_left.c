/* What is left of containers whose engine, or supervisor, was killed. */
#include "container_parts.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include "host/lock.h"
#include "host/path.h"

#define REMOVE_TRIES 3 /* another process of the engine's may be at it */

/* Is it podman or conmon with a container of this name? */
static bool is_maker(const char *pid, const char *name)
{
    char text[16384];
    own(str_fini) char *path = str_print("/proc/%s/cmdline", pid);
    own(str_fini) char *option = str_print("--name=%s", name);
    own(fd_fini) int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    const char *before = "";
    if (n <= 0)
        return false;
    text[n] = '\0';
    for (const char *word = text; word < text + n; before = word, word += strlen(word) + 1)
        if (str_same(word, option) || (str_same(word, name) && str_same(before, "-n")))
            return true;
    return false;
}

/* Whoever might still bring it about is killed first; there may be none of them at the end. */
static void kill_makers(const char *name)
{
    for (bool some = true; some;) {
        DIR *dir = opendir("/proc");
        some = false;
        for (const struct dirent *e; dir && (e = readdir(dir));) {
            const pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
            if (pid > 0 && is_maker(e->d_name, name) && kill(pid, SIGKILL) == 0)
                some = true;
        }
        if (dir)
            closedir(dir);
        if (some)
            usleep(10000);
    }
}

/* Rootless the runtime has its rights in podman's user namespace. */
static int runtime_run(struct spawn *s, const struct container *c, const char *const words[],
                       struct err *err)
{
    const char *const rootless[] = {"unshare", c->runtime, words[0], words[1], words[2], NULL};
    char *const root[] = {c->runtime, (char *)words[0], (char *)words[1], (char *)words[2], NULL};
    if (geteuid() != 0)
        return container_call(s, c, rootless, err);
    s->argv = root;
    s->kin = true;
    s->deadline_ms = CONTAINER_TRY_S * 1000;
    const int rc = spawn_run(s, err);
    s->argv = NULL;
    return rc;
}

/* Our notes on one of the runtime's list; crun has them only in what it says of that one. A new
 * reference, or NULL. */
static json_t *notes_on(const struct container *c, const json_t *one)
{
    struct err ignored;
    const char *const look[] = {"state", json_text(one, "id"), NULL};
    own(spawn_fini) struct spawn s = {0};
    json_t *notes = json_object_get(one, "annotations");
    if (notes || !look[1])
        return json_incref(notes);
    if (runtime_run(&s, c, look, &ignored) != 0 || !s.out.len)
        return NULL;
    own(json_fini) json_t *state = json_loads(s.out.bytes, 0, NULL);
    return json_incref(json_object_get(state, "annotations"));
}

/* Podman does not know of a container that it, or conmon, was killed over while it was started; its
 * runtime does, and has our notes on it: all that it knows by their ids. A new reference. */
static json_t *all_begun(const struct container *c)
{
    struct err ignored;
    size_t i;
    const json_t *one;
    const char *const look[] = {"list", "--format", "json", NULL};
    own(spawn_fini) struct spawn s = {0};
    json_t *all = json_object();
    if (runtime_run(&s, c, look, &ignored) != 0 || !s.out.len)
        return all;
    own(json_fini) json_t *list = json_loads(s.out.bytes, 0, NULL);
    json_array_foreach (list, i, one) {
        json_t *notes = notes_on(c, one);
        if (notes)
            json_object_set_new(all, json_text(one, "id"), notes);
    }
    return all;
}

static void delete_begun(const struct container *c, const char *name)
{
    struct err ignored;
    own(json_fini) json_t *all = all_begun(c);
    const char *id;
    const json_t *notes;
    json_object_foreach (all, id, notes) {
        const char *const remove[] = {"delete", "--force", id, NULL};
        own(spawn_fini) struct spawn s = {0};
        if (str_same(json_text(notes, ANNOTATION_STAMP), name))
            runtime_run(&s, c, remove, &ignored);
    }
}

static int remove_known(const struct container *c, const char *name, struct err *err)
{
    const char *const podman[] = {"rm", "--force", "--time=0", "--ignore", name, NULL};
    const char *const docker[] = {"rm", "--force", name, NULL};
    for (int i = 0; i < REMOVE_TRIES; i++) {
        own(spawn_fini) struct spawn s = {0};
        const int rc = container_call(&s, c, c->docker ? docker : podman, err);
        const char *why = spawn_last_error(&s);
        if (rc == 0 || (rc > 0 && strstr(why, "No such container")))
            return 0;
        if (rc > 0)
            err_set(err, CODE_UNAVAIL, "the container %s cannot be removed: %s", name, why);
        usleep(300000);
    }
    return -1;
}

int container_remove(const struct container *c, const char *name, struct err *err)
{
    if (!c->docker)
        kill_makers(name);
    if (remove_known(c, name, err) < 0)
        return -1;
    if (!c->docker)
        delete_begun(c, name);
    return 0;
}

/* Where it cannot be known, its supervisor lives. */
static bool is_left(const char *dir)
{
    own(str_fini) char *alive = dir && *dir == '/' ? str_print("%s/alive", dir) : NULL;
    return alive && lock_ask(alive) == LOCK_FREE;
}

/* Of those that the engine knows: a line is the name and, as JSON, our label. */
static void find_left(const struct container *c, struct strs *names)
{
    struct err ignored;
    const char *const look[] = {
        "ps", "--all", "--filter=label=" CONTAINER_LABEL,
        c->docker ? "--format={{.Names}} {{json (.Label \"" CONTAINER_LABEL "\")}}"
                  : "--format={{.Names}} {{json (index .Labels \"" CONTAINER_LABEL "\")}}",
        NULL};
    own(spawn_fini) struct spawn s = {0};
    if (container_call(&s, c, look, &ignored) != 0)
        return;
    for (char *line, *rest = s.out.bytes; (line = strsep(&rest, "\n"));) {
        char *space = strchr(line, ' ');
        own(json_fini) json_t *dir = space ? json_loads(space + 1, JSON_DECODE_ANY, NULL) : NULL;
        if (is_left(json_string_value(dir)))
            strs_print(names, "%.*s", (int)(space - line), line);
    }
}

void container_sweep(const struct container *c)
{
    struct err ignored;
    own(strs_fini) struct strs names = {0};
    own(json_fini) json_t *begun = c->docker ? NULL : all_begun(c);
    const char *id, *name;
    const json_t *notes;
    find_left(c, &names);
    json_object_foreach (begun, id, notes)
        if ((name = json_text(notes, ANNOTATION_STAMP)) &&
            is_left(json_text(notes, ANNOTATION_DIR)))
            strs_add(&names, name);
    for (size_t i = 0; i < names.n; i++)
        container_remove(c, names.list[i], &ignored);
}
