#include <fcntl.h>
#include "attempt.h"
#include "host/path.h"
#include "slurm.h"

static void list_fini(struct seen_list *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->list[i].id);
        free(all->list[i].stamp);
        free(all->list[i].state);
        free(all->list[i].why);
        free(all->list[i].node);
    }
    free(all->list);
    *all = (struct seen_list){0};
}

void cluster_fini(struct cluster *c)
{
    list_fini(&c->now);
    list_fini(&c->past);
    c->recalled = false;
}

/* id|state|end|node|name|reason, and in the last there may be anything. */
static void add_row(struct seen_list *all, const char *source, char *row)
{
    char *parts[6], *rest = row;
    struct tm tm = {0};
    for (size_t i = 0; i < COUNT(parts); i++)
        parts[i] = i + 1 < COUNT(parts) ? strsep(&rest, "|") : rest;
    if (!parts[5] || !str_begins(parts[4], "execdm-"))
        return;
    parts[1][strcspn(parts[1], " ")] = '\0'; /* CANCELLED by 1000 */
    if (str_same(parts[3], "None assigned"))
        parts[3] = strchr(parts[3], '\0');
    const char *read = strptime(parts[2], "%Y-%m-%dT%H:%M:%S", &tm);
    all->list = mem_grow(all->list, all->n + 1, sizeof(*all->list));
    all->list[all->n++] = (struct seen){.id = str_new(parts[0]),
                                        .stamp = str_new(parts[4]),
                                        .state = str_new(parts[1]),
                                        .why = str_new(parts[5]),
                                        .node = str_new(parts[3]),
                                        .end = read ? timegm(&tm) : 0,
                                        .source = source};
}

static void add_rows(struct seen_list *all, const char *source, char *text)
{
    char *row;
    while ((row = strsep(&text, "\n")))
        add_row(all, source, row);
}

int cluster_read(struct cluster *c, struct err *err)
{
    own(strs_fini) struct strs words = {0};
    own(spawn_fini) struct spawn s = {0};
    strs_add(&words, "squeue");
    strs_add(&words, "--noheader");
    strs_add(&words, "--states=all");
    strs_add(&words, "--all"); /* of hidden partitions, too */
    strs_print(&words, "--user=%u", (unsigned)getuid());
    strs_add(&words, "--format=%i|%T|%e|%N|%j|%r");
    if (slurm_run(&s, &words, c->call, err) < 0)
        return -1;
    cluster_fini(c);
    add_rows(&c->now, "squeue", s.out.bytes);
    return 0;
}

static const struct seen *list_find(const struct seen_list *all, const json_t *line)
{
    const char *stamp = json_text(line, "stamp"), *native = json_text(line, "native");
    const struct seen *found = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const struct seen *one = &all->list[i];
        const bool over = seen_is_over(one);
        if (!str_same(one->stamp, stamp))
            continue;
        if (!found || (seen_is_over(found) && !over) ||
            (seen_is_over(found) == over && str_same(one->id, native)))
            found = one;
    }
    return found;
}

const struct seen *cluster_find(const struct cluster *c, const json_t *line)
{
    return list_find(&c->now, line);
}

char *slurm_noted_id(const json_t *line)
{
    char text[64];
    own(str_fini) char *path = attempt_file(line, "slurm");
    own(fd_fini) int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n <= 0)
        return NULL;
    text[n] = '\0';
    return str_new(text);
}

/* Ids are given out again, so each may be another's, too: the stamp decides. */
static void ask_accounting(struct cluster *c)
{
    own(strs_fini) struct strs words = {0};
    own(buf_fini) struct buf ids = {0};
    own(spawn_fini) struct spawn s = {0};
    struct err none; /* most clusters have no accounting: nothing is known then */
    size_t i;
    json_t *line;
    json_array_foreach (c->call->lines, i, line) {
        own(str_fini) char *id = cluster_find(c, line) ? NULL : slurm_noted_id(line);
        if (!id)
            continue;
        buf_str(&ids, ids.len ? "," : "--jobs=");
        buf_str(&ids, id);
    }
    if (!ids.len)
        return;
    strs_add(&words, "sacct");
    strs_add(&words, "--noheader");
    strs_add(&words, "--parsable2");
    strs_add(&words, "--allocations");
    strs_add(&words, "--duplicates");
    strs_add(&words, ids.bytes);
    strs_add(&words, "--format=JobIDRaw,State,End,NodeList,JobName,Reason");
    if (slurm_run(&s, &words, c->call, &none) == 0)
        add_rows(&c->past, "sacct", s.out.bytes);
}

const struct seen *cluster_recall(struct cluster *c, const json_t *line)
{
    if (!c->recalled)
        ask_accounting(c);
    c->recalled = true;
    const struct seen *seen = list_find(&c->past, line);
    return seen && seen_is_over(seen) ? seen : NULL; /* it may not know of an end, either */
}
