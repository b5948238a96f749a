// Boost.Interprocess's message queue behind plain C functions, compiled and loaded by the bench.
//
// The queue is made before the two halves are forked and mapped by both.
#include <boost/interprocess/ipc/message_queue.hpp>

using boost::interprocess::message_queue;

extern "C" {

void *boost_queue_create(const char *name, size_t capacity, size_t size) {
    try {
        auto *queue = new message_queue(boost::interprocess::create_only, name, capacity, size);
        message_queue::remove(name);
        return queue;
    } catch (...) {
        return nullptr;
    }
}

// 1: done; 0: it would have to wait; -1: it failed.
int boost_queue_send(void *queue, const void *bytes, size_t length, int wait) {
    try {
        auto *to = static_cast<message_queue *>(queue);
        if (!wait)
            return to->try_send(bytes, length, 0);
        to->send(bytes, length, 0);
        return 1;
    } catch (...) {
        return -1;
    }
}

int boost_queue_receive(void *queue, void *bytes, size_t length, int wait) {
    try {
        auto *from = static_cast<message_queue *>(queue);
        message_queue::size_type got = 0;
        unsigned priority = 0;
        if (wait)
            from->receive(bytes, length, got, priority);
        else if (!from->try_receive(bytes, length, got, priority))
            return 0;
        return got == length ? 1 : -1;
    } catch (...) {
        return -1;
    }
}

void boost_queue_close(void *queue) { delete static_cast<message_queue *>(queue); }
}
