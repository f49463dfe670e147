//! Inserts rows through their entities.

use sea_orm::{
    ActiveModelBehavior, ActiveModelTrait, DatabaseConnection, EntityTrait, IntoActiveModel,
    ModelTrait,
};

pub(super) async fn insert<'a, M>(db: &DatabaseConnection, models: impl IntoIterator<Item = &'a M>)
where
    M: ModelTrait + Clone + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel> + 'a,
    <M::Entity as EntityTrait>::ActiveModel:
        ActiveModelTrait<Entity = M::Entity> + ActiveModelBehavior + Send,
{
    let mut rows = models
        .into_iter()
        .map(|model| model.clone().into_active_model().reset_all())
        .peekable();
    // In parts, because the number of parameters of a statement is limited.
    while rows.peek().is_some() {
        let part = rows.by_ref().take(500);
        M::Entity::insert_many(part)
            .exec_without_returning(db)
            .await
            .expect("inserts");
    }
}
