//! The order in which messages are taken: an index over the queued slots, under the queue's lock.
//!
//! All messages of one type and priority form a *leaf*: a list, first in, first out. The leaves hang in
//! a crit-bit tree over the key {type: 64 bits, priority: 32 bits}: each *branch* names the first bit in
//! which the keys below it differ. Each branch also keeps the best message below it (highest priority,
//! then lowest number), so what to take from a whole subtree is known at its root, and every filter is
//! one way down the tree. How deep it is depends on how many types and priorities are queued, not on how
//! many messages; with one of each it is a single leaf.
//!
//! It is derived from the slots: after a death inside the lock it is thrown away and made anew.

use std::sync::atomic::Ordering::Relaxed;

use super::layout::Memory;
use super::node::{Best, KEY_BITS, KIND_BITS, Node, allocate, key, release, side};
use super::shape::{Corrupt, NONE};
use crate::sysv::Filter;

/// The index of a queue whose lock the caller has.
#[derive(Clone, Copy)]
pub(super) struct Index<'a>(pub(super) &'a Memory);

impl Index<'_> {
    /// Forgets everything.
    pub(super) fn clear(self) {
        let head = self.0.head();
        head.root.store(NONE, Relaxed);
        for pool in [&head.leaves, &head.branches] {
            pool.free.store(NONE, Relaxed);
            pool.used.store(0, Relaxed);
        }
    }

    /// Puts a slot, of which type, priority and number are written, in its place.
    #[inline]
    pub(super) fn insert(self, index: u32) -> Result<(), Corrupt> {
        let slot = self.0.slot(index)?;
        let (kind, priority) = (slot.kind.load(Relaxed), slot.priority.load(Relaxed));
        let key_of_slot = key(kind, priority);
        let leaf = match self.descend(key_of_slot)? {
            None => {
                let leaf = self.new_leaf(index, kind, priority)?;
                return self.hang(Node::Leaf(leaf), Node::None, Node::None);
            }
            Some(leaf) => leaf,
        };
        let other = self.0.leaf(leaf)?;
        let other = key(other.kind.load(Relaxed), other.priority.load(Relaxed));
        if other == key_of_slot {
            return self.append(leaf, index);
        }
        let bit = (other ^ key_of_slot).leading_zeros() - (u128::BITS - KEY_BITS);
        self.branch_off(index, key_of_slot, bit)
    }

    /// The leaf whose first message `filter` takes.
    #[inline]
    pub(super) fn find(self, filter: Filter) -> Result<Option<u32>, Corrupt> {
        let best = match (Node::load(&self.0.head().root), filter) {
            (Node::None, _) => None,
            (root, Filter::Any) => Some(self.best(root)?),
            (_, Filter::Type(kind)) => self.beside(kind)?.0,
            (_, Filter::Except(kind)) => self.beside(kind)?.1,
            (root, Filter::AtMost(kind)) => match self.lowest_kind(root)? {
                lowest if lowest <= kind => self.beside(lowest)?.0,
                _ => None,
            },
        };
        Ok(best.map(|best| best.leaf))
    }

    /// Takes the first message out of a leaf.
    #[inline]
    pub(super) fn pop(self, leaf_index: u32) -> Result<u32, Corrupt> {
        let leaf = self.0.leaf(leaf_index)?;
        let first = leaf.first.load(Relaxed);
        let index = first.checked_sub(1).ok_or(Corrupt("an empty leaf"))?;
        if leaf.last.load(Relaxed) == first {
            self.remove_leaf(leaf_index)?;
            return Ok(index);
        }
        let next = self.0.slot(index)?.next.load(Relaxed);
        let second = self.0.slot(next.checked_sub(1).ok_or(Corrupt("a list"))?)?;
        leaf.first.store(next, Relaxed);
        leaf.first_id.store(second.id.load(Relaxed), Relaxed);
        self.refresh(Node::load(&leaf.parent), leaf_index)?;
        Ok(index)
    }

    /// What is best of all below a node.
    #[inline]
    fn best(self, node: Node) -> Result<Best, Corrupt> {
        match node {
            Node::Leaf(index) => {
                let leaf = self.0.leaf(index)?;
                let (priority, id) = (leaf.priority.load(Relaxed), leaf.first_id.load(Relaxed));
                Ok(Best { priority, id, leaf: index })
            }
            Node::Branch(index) => {
                let branch = self.0.branch(index)?;
                Ok(Best {
                    priority: branch.best_priority.load(Relaxed),
                    id: branch.best_id.load(Relaxed),
                    leaf: branch.best_leaf.load(Relaxed),
                })
            }
            Node::None => Err(Corrupt("a branch")),
        }
    }

    /// The leaf at the end of the way that `key` goes: the one with this key, if there is one.
    #[inline]
    fn descend(self, key: u128) -> Result<Option<u32>, Corrupt> {
        let mut node = Node::load(&self.0.head().root);
        for _ in 0..=KEY_BITS {
            match node {
                Node::None => return Ok(None),
                Node::Leaf(index) => return Ok(Some(index)),
                Node::Branch(index) => {
                    let branch = self.0.branch(index)?;
                    let bit = self.bit(index)?;
                    node = Node::load(&branch.children[side(key, bit)]);
                }
            }
        }
        Err(Corrupt("the depth of the index"))
    }

    /// The best of one type, and the best of all others.
    fn beside(self, kind: i64) -> Result<(Option<Best>, Option<Best>), Corrupt> {
        let (mut node, mut others) = (Node::load(&self.0.head().root), None);
        let key = key(kind, 0);
        let join =
            |one: Option<Best>, other| Some(one.map_or(other, |one| Best::of_two(one, other)));
        for _ in 0..=KIND_BITS {
            if let Node::Branch(index) = node {
                let (branch, bit) = (self.0.branch(index)?, self.bit(index)?);
                if bit < KIND_BITS {
                    let side = side(key, bit);
                    others = join(others, self.best(Node::load(&branch.children[1 - side]))?);
                    node = Node::load(&branch.children[side]);
                    continue;
                }
            }
            // All below have one type.
            let best = self.best(node)?;
            return if self.0.leaf(best.leaf)?.kind.load(Relaxed) == kind {
                Ok((Some(best), others))
            } else {
                Ok((None, join(others, best)))
            };
        }
        Err(Corrupt("the depth of the index"))
    }

    fn lowest_kind(self, mut node: Node) -> Result<i64, Corrupt> {
        for _ in 0..=KEY_BITS {
            match node {
                Node::None => break,
                Node::Leaf(index) => return Ok(self.0.leaf(index)?.kind.load(Relaxed)),
                Node::Branch(index) => node = Node::load(&self.0.branch(index)?.children[0]),
            }
        }
        Err(Corrupt("the depth of the index"))
    }

    /// Puts a slot into a leaf's list by its number: at the end, unless it comes back.
    #[inline]
    fn append(self, leaf_index: u32, index: u32) -> Result<(), Corrupt> {
        let leaf = self.0.leaf(leaf_index)?;
        let last = leaf.last.load(Relaxed).checked_sub(1).ok_or(Corrupt("an empty leaf"))?;
        let last = self.0.slot(last)?;
        let slot = self.0.slot(index)?;
        if last.id.load(Relaxed) < slot.id.load(Relaxed) {
            slot.next.store(NONE, Relaxed);
            last.next.store(index + 1, Relaxed);
            leaf.last.store(index + 1, Relaxed);
            return Ok(());
        }
        self.put_back(leaf_index, index)
    }

    /// What comes back is older than nearly all that waits: its place is near the front.
    #[cold]
    fn put_back(self, leaf_index: u32, index: u32) -> Result<(), Corrupt> {
        let (leaf, slot) = (self.0.leaf(leaf_index)?, self.0.slot(index)?);
        let id = slot.id.load(Relaxed);
        let mut before = &leaf.first;
        for _ in 0..self.0.sizes().capacity {
            let next = before.load(Relaxed);
            let after = self.0.slot(next.checked_sub(1).ok_or(Corrupt("a list"))?)?;
            if after.id.load(Relaxed) < id {
                before = &after.next;
                continue;
            }
            slot.next.store(next, Relaxed);
            before.store(index + 1, Relaxed);
            if leaf.first.load(Relaxed) == index + 1 {
                leaf.first_id.store(id, Relaxed);
                return self.improve(Node::load(&leaf.parent), leaf_index);
            }
            return Ok(());
        }
        Err(Corrupt("a list"))
    }

    fn new_leaf(self, index: u32, kind: i64, priority: u32) -> Result<u32, Corrupt> {
        let (pool, capacity) = (&self.0.head().leaves, self.0.sizes().capacity);
        let number = allocate(pool, capacity, |free| Ok(&self.0.leaf(free)?.parent))?;
        let number = number.ok_or(Corrupt("too many leaves"))?;
        let (leaf, slot) = (self.0.leaf(number)?, self.0.slot(index)?);
        slot.next.store(NONE, Relaxed);
        leaf.kind.store(kind, Relaxed);
        leaf.priority.store(priority, Relaxed);
        leaf.first_id.store(slot.id.load(Relaxed), Relaxed);
        leaf.first.store(index + 1, Relaxed);
        leaf.last.store(index + 1, Relaxed);
        Ok(number)
    }

    /// A new leaf, on a new branch at the place where the way of its key is the first to need `bit`.
    fn branch_off(self, index: u32, key: u128, bit: u32) -> Result<(), Corrupt> {
        let slot = self.0.slot(index)?;
        let leaf = self.new_leaf(index, slot.kind.load(Relaxed), slot.priority.load(Relaxed))?;
        let (pool, capacity) = (&self.0.head().branches, self.0.sizes().capacity);
        let number = allocate(pool, capacity, |free| Ok(&self.0.branch(free)?.parent))?;
        let number = number.ok_or(Corrupt("too many branches"))?;

        let (mut above, mut below) = (Node::None, Node::load(&self.0.head().root));
        for _ in 0..=KEY_BITS {
            let Node::Branch(at) = below else { break };
            let at_bit = self.bit(at)?;
            if at_bit > bit {
                break;
            }
            above = below;
            below = Node::load(&self.0.branch(at)?.children[side(key, at_bit)]);
        }
        let branch = self.0.branch(number)?;
        let side = side(key, bit);
        branch.bit.store(bit, Relaxed);
        branch.children[side].store(Node::Leaf(leaf).word(), Relaxed);
        branch.children[1 - side].store(below.word(), Relaxed);
        self.set_best(number, self.best(below)?)?;
        self.set_parent(Node::Leaf(leaf), Node::Branch(number))?;
        self.set_parent(below, Node::Branch(number))?;
        self.hang(Node::Branch(number), above, below)?;
        self.improve(Node::Branch(number), leaf)
    }

    /// Hangs `node` under `above` in the place of `old`.
    fn hang(self, node: Node, above: Node, old: Node) -> Result<(), Corrupt> {
        self.set_parent(node, above)?;
        match above {
            Node::Branch(index) => {
                let children = &self.0.branch(index)?.children;
                let side = usize::from(Node::load(&children[1]) == old);
                children[side].store(node.word(), Relaxed);
            }
            _ => self.0.head().root.store(node.word(), Relaxed),
        }
        Ok(())
    }

    fn set_parent(self, node: Node, above: Node) -> Result<(), Corrupt> {
        let parent = match node {
            Node::Leaf(index) => &self.0.leaf(index)?.parent,
            Node::Branch(index) => &self.0.branch(index)?.parent,
            Node::None => return Ok(()),
        };
        parent.store(above.word(), Relaxed);
        Ok(())
    }

    /// Removes a leaf with its last message.
    fn remove_leaf(self, leaf_index: u32) -> Result<(), Corrupt> {
        let head = self.0.head();
        let leaf = self.0.leaf(leaf_index)?;
        if let Node::Branch(index) = Node::load(&leaf.parent) {
            let branch = self.0.branch(index)?;
            let side = usize::from(Node::load(&branch.children[0]) == Node::Leaf(leaf_index));
            let sibling = Node::load(&branch.children[side]);
            let above = Node::load(&branch.parent);
            self.hang(sibling, above, Node::Branch(index))?;
            release(&head.branches, index, &branch.parent);
            self.refresh(above, leaf_index)?;
        } else {
            head.root.store(NONE, Relaxed);
        }
        release(&head.leaves, leaf_index, &leaf.parent);
        Ok(())
    }

    /// The first message of a leaf changed, or the leaf is gone: finds the best anew, upwards from `node`
    /// as far as that leaf was the best.
    #[inline]
    fn refresh(self, mut node: Node, leaf: u32) -> Result<(), Corrupt> {
        for _ in 0..=KEY_BITS {
            let Node::Branch(index) = node else { return Ok(()) };
            let branch = self.0.branch(index)?;
            if branch.best_leaf.load(Relaxed) != leaf {
                return Ok(());
            }
            let one = self.best(Node::load(&branch.children[0]))?;
            let other = self.best(Node::load(&branch.children[1]))?;
            self.set_best(index, Best::of_two(one, other))?;
            node = Node::load(&branch.parent);
        }
        Err(Corrupt("the depth of the index"))
    }

    /// A leaf has a new first message that may go before others: tells the branches from `node` upwards.
    fn improve(self, mut node: Node, leaf: u32) -> Result<(), Corrupt> {
        let new = self.best(Node::Leaf(leaf))?;
        for _ in 0..=KEY_BITS {
            let Node::Branch(index) = node else { return Ok(()) };
            let old = self.best(node)?;
            if old.leaf != leaf && !new.goes_before(old) {
                return Ok(());
            }
            self.set_best(index, new)?;
            node = Node::load(&self.0.branch(index)?.parent);
        }
        Err(Corrupt("the depth of the index"))
    }

    fn set_best(self, index: u32, best: Best) -> Result<(), Corrupt> {
        let branch = self.0.branch(index)?;
        branch.best_priority.store(best.priority, Relaxed);
        branch.best_id.store(best.id, Relaxed);
        branch.best_leaf.store(best.leaf, Relaxed);
        Ok(())
    }

    #[inline]
    fn bit(self, branch: u32) -> Result<u32, Corrupt> {
        match self.0.branch(branch)?.bit.load(Relaxed) {
            bit if bit < KEY_BITS => Ok(bit),
            _ => Err(Corrupt("a bit of the index")),
        }
    }
}
