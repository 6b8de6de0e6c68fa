/* The golden matrix of phases: every phase, every event, whoever asks. */
#include "model/phase.h"
#include "tap.h"

/* The phases as columns of two letters: where the event of the row leads, and who may (w the
 * worker, o the owner, b both); ".." is refused. */
static const char *const heads[PHASE_COUNT] = {"PE", "QU", "PR", "EX", "FI", "CO",
                                               "ER", "AB", "HE", "SU", "UN", "AR"};
static const struct {
    enum phase_event event;
    const char *name, *row;
} golden[] = {
    /* clang-format off */
    /*                            PE  QU  PR  EX  FI  CO  ER  AB  HE  SU  UN  AR */
    {EVENT_OPEN, "open",         "QUw ... ... ... ... ... ... ... ... ... ... ..."},
    {EVENT_PREPARE, "prepare",   "... PRw ... ... ... ... ... ... ... ... ... ..."},
    {EVENT_EXECUTE, "execute",   "... ... EXw ... ... ... ... ... ... ... ... ..."},
    {EVENT_FINISH, "finish",     "... ... ... FIw ... ... ... ... ... FIw FIw ..."},
    {EVENT_COMPLETE, "complete", "... ... ... ... COw ... ... ... ... ... ... ..."},
    {EVENT_FAIL, "fail",         "ERw ERw ERw ERw ERw ... ... ... ... ... ERw ..."},
    {EVENT_ABORT, "abort",       "ABb ABb ABb ABb ABb ... ... ... ABb ABb ABb ..."},
    {EVENT_EXPIRE, "expire",     "ABw ABw ... ... ... ... ... ... ABw ... ... ..."},
    {EVENT_RETRY, "retry",       "... ... QUw QUw ... ... ... ... ... ... QUw ..."},
    {EVENT_HOLD, "hold",         "HEo HEo ... ... ... ... ... ... ... ... ... ..."},
    {EVENT_RELEASE, "release",   "... ... ... ... ... ... ... ... PEo ... ... ..."},
    {EVENT_SUSPEND, "suspend",   "... ... ... SUo ... ... ... ... ... ... ... ..."},
    {EVENT_RESUME, "resume",     "... ... ... ... ... ... ... ... ... EXo ... ..."},
    {EVENT_LOSE, "lose",         "... ... ... UNw ... ... ... ... ... UNw ... ..."},
    {EVENT_FIND, "find",         "... ... ... ... ... ... ... ... ... ... EXw ..."},
    {EVENT_ARCHIVE, "archive",   "... ... ... ... ... ARb ARb ARb ... ... ... ..."},
    /* clang-format on */
};

static const char *head_of(int phase)
{
    return phase < 0 ? ".." : heads[phase];
}

static void test_matrix(void)
{
    ok(COUNT(golden) == EVENT_COUNT, "every event has a row");
    for (size_t e = 0; e < COUNT(golden); e++) {
        is_str(phase_event_name(golden[e].event), golden[e].name, "name of an event");
        for (int p = 0; p < PHASE_COUNT; p++) {
            const char *cell = golden[e].row + (ptrdiff_t)p * 4;
            unsigned may = cell[2] == 'w'   ? BY_WORKER
                           : cell[2] == 'o' ? BY_OWNER
                           : cell[2] == 'b' ? BY_WORKER | BY_OWNER
                                            : 0;
            for (unsigned who = 0; who <= (BY_WORKER | BY_OWNER); who++) {
                char want[3] = {who & may ? cell[0] : '.', who & may ? cell[1] : '.', '\0'};
                char name[64];
                snprintf(name, sizeof(name), "%s in %s by %u", golden[e].name,
                         phase_name((enum phase)p), who);
                is_str(head_of(phase_step((enum phase)p, golden[e].event, who)), want, name);
            }
        }
    }
}

/* What holds whatever the rows say. */
static void test_laws(void)
{
    for (int p = 0; p < PHASE_COUNT; p++) {
        bool leaves = false, archives = false;
        for (int e = 0; e < EVENT_COUNT; e++) {
            int to = phase_step((enum phase)p, (enum phase_event)e, BY_WORKER | BY_OWNER);
            leaves |= to >= 0 && to != PHASE_ARCHIVED;
            archives |= to == PHASE_ARCHIVED;
            ok(to != p, "no step stays where it is");
        }
        is_int(leaves, !phase_terminal((enum phase)p), "only what is not at an end goes on");
        is_int(archives, phase_terminal((enum phase)p) && p != PHASE_ARCHIVED,
               "only what is at an end is archived");
    }
}

static const struct {
    enum phase phase;
    const char *name, *status;
    bool terminal;
} words[] = {
    {PHASE_PENDING, "PENDING", "PENDING", false},
    {PHASE_QUEUED, "QUEUED", "PENDING", false},
    {PHASE_PREPARING, "PREPARING", "PENDING", false},
    {PHASE_EXECUTING, "EXECUTING", "RUNNING", false},
    {PHASE_FINALIZING, "FINALIZING", "RUNNING", false},
    {PHASE_COMPLETED, "COMPLETED", "COMPLETED", true},
    {PHASE_ERROR, "ERROR", "FAILED", true},
    {PHASE_ABORTED, "ABORTED", "CANCELLED", true},
    {PHASE_HELD, "HELD", "PENDING", false},
    {PHASE_SUSPENDED, "SUSPENDED", "RUNNING", false},
    {PHASE_UNKNOWN, "UNKNOWN", NULL, false},
    {PHASE_ARCHIVED, "ARCHIVED", NULL, true},
};

static void test_words(void)
{
    enum phase p = PHASE_HELD;
    is_int(COUNT(words), PHASE_COUNT, "every phase has a row");
    for (size_t i = 0; i < COUNT(words); i++) {
        is_str(phase_name(words[i].phase), words[i].name, "phase");
        is_str(phase_status(words[i].phase), words[i].status, "the Planner's word");
        is_int(phase_terminal(words[i].phase), words[i].terminal, "at an end");
        is_int(phase_parse(words[i].name, &p), 0, "read back");
        is_int((int)p, (int)words[i].phase, words[i].name);
    }
    p = PHASE_HELD;
    static const char *const wrong[] = {"", "pending", "RUNNING", "PENDING ", "COMPLETE"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        is_int(phase_parse(wrong[i], &p), -1, wrong[i]);
    is_int(phase_parse(NULL, &p), -1, "no name at all");
    is_int((int)p, PHASE_HELD, "a refused name sets nothing");
}

int main(void)
{
    test_matrix();
    test_laws();
    test_words();
    return tap_end();
}
